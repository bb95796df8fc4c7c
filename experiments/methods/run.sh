#!/usr/bin/env bash
# Every method in its smallest form, on the sample and on a collection in BEIR's layout (FOLDER), with paraphrases of its queries
# (FILE: query-id<TAB>text a line) for the one method that needs them.
set -euo pipefail
wrank run -m 'experiment=glob(methods_*)' data=sample debug=smoke
wrank run -m 'experiment=glob(methods_*)' data=beir data.path="${1:?give the folder of a collection}" data.paraphrases="${2:?give a file of paraphrases}" debug=smoke

from types import SimpleNamespace

RequestOutputKind = SimpleNamespace(FINAL_ONLY=2)


class StructuredOutputsParams:
    def __init__(self, json):
        self.json = json

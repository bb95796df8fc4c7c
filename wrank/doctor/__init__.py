"""Is this machine fit to run wrank? One check a function; each says what it found and what to do."""

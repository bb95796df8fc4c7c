"""The product's chain, a stage a file: each finds or makes one artifact in the store."""

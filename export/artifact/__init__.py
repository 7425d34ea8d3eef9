"""The folder that is shipped: manifest, hashes, recipe, loading and verification."""

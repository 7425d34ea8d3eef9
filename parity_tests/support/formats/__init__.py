"""Small artefacts of each format, for the tests of that format."""

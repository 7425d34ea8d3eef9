"""Builds the Android app from packages alone, without Android's SDK or Gradle; ``python -m android_demo.packaging``."""

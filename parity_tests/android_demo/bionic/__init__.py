"""Android's C library, as far as ONNX Runtime for Android needs it, on top of a computer's own."""

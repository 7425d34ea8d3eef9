"""The student's training: configuration, one step, the loop, state, log and the engine of processes."""

"""What every command needs of the machine: foreign bytes, own names, privacy, silence, temporary files."""

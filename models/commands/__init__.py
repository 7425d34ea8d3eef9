"""One file for each verb of ``python -m models``, and what verbs share: errors, options, notes."""

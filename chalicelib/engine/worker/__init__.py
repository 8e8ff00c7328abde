"""The two messages of a worker: run one try, call the user back."""

"""One task instance: opened, sent, ended, and what its end opens; the fast path."""

"""Output of commands: rows, graphs, and the progress of long work. Knows no command."""

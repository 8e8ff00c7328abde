"""How commands show things: rows, graphs, and how far long work has come. Knows no command."""

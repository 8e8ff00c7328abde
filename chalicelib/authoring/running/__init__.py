"""How a try of a task runs: context, templates, XComs, the user's code, its callbacks."""

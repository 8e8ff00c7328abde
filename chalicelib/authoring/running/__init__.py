"""One try of a task: its context, templates and XComs, the user's code, its callbacks."""

"""The sensors that ship: tasks that wait for something, and hold no compute while they wait."""

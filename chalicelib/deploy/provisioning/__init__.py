"""Making what ``description`` says, a module per AWS service, and what must follow ``chalice deploy``."""

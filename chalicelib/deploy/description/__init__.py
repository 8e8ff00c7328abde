"""What a stage consists of. Pure: whoever makes, checks or packages it reads here what it should be."""

"""What a detector found: running one, keeping its answers, turning them into pixels and files."""

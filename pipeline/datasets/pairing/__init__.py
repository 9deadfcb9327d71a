"""Which image an annotation is about: looked for by the name that it gives, in any of the ways real files do."""

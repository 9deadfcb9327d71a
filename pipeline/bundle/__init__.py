"""One file with everything that a person needs of a model: what stands in its card, what lies in its zip."""

"""Whether anybody would mind if the machine were put to work: one signal a file, and all of them."""

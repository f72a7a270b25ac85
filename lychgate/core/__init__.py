"""The decision core: values in, decisions out, no input or output of its own."""

"""The engine: the C library beside these modules, called through ctypes. Arrays in, arrays out; one module a family."""

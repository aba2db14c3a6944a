"""Files read and written with care: regular ones alone, whole or not at all."""

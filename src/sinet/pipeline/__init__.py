"""The product: from a picture to an alpha and to what people want of it."""

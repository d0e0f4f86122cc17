"""Product (商品): the catalogue, its pages, and the variant each user saw."""

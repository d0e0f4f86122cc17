"""The demo shop: product, order and payment, each as v1 and v2. It knows nothing of Weir."""

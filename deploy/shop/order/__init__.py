"""Order (订单): creates orders by asking product for the goods and payment for the money."""

"""Payment (支付): charges, and sometimes declines."""

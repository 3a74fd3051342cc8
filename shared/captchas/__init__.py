"""What a captcha is: its spec, labels and images, and what can be predicted from them."""

"""The native engine: the cascade in C++, looking in 8-bit integers and deciding in float32."""

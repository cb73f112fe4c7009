"""The workloads of language.nev in Python, written as a Python programmer would: lists, locals in functions."""
import time


def best(name, operations, f):
    f()
    least = float("inf")
    for _ in range(5):
        t = time.perf_counter()
        f()
        least = min(least, time.perf_counter() - t)
    print(f"{name} {least / operations * 1e9:.2f}")


def scalar_loop():
    x = 0.0
    for _ in range(200000):
        x = x * 1.000001 + 1
    return x


def collatz():
    steps = 0
    for start in range(1, 3000):
        n = start
        while n != 1:
            if n % 2 == 0:
                n = n // 2
            else:
                n = 3 * n + 1
            steps += 1
    return steps


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def poly(x):
    return (x * 0.5 + 1.25) * x - 2.0


def calls():
    s = 0.0
    for i in range(100000):
        s += poly(i)
    return s


def sieve():
    n = 100000
    prime = [True] * n
    count = 0
    for i in range(2, n):
        if prime[i]:
            count += 1
            for j in range(i * i, n, i):
                prime[j] = False
    return count


def mandelbrot():
    inside = 0
    for row in range(40):
        for column in range(60):
            a, b = column * 0.05 - 2.0, row * 0.05 - 1.0
            x, y = 0.0, 0.0
            k = 0
            while k < 50 and x * x + y * y <= 4.0:
                x, y = x * x - y * y + a, 2.0 * x * y + b
                k += 1
            if k == 50:
                inside += 1
    return inside


def assign():
    x = [0.0] * 1000
    for k in range(100):
        for i in range(1000):
            x[i] = i + k
    return x


def read():
    x = [float(i) for i in range(1000)]
    s = 0.0
    for k in range(100):
        for i in range(1000):
            s += x[i]
    return s


def product():
    n = 40
    a = [[1.0] * n for _ in range(n)]
    b = [[1.0] * n for _ in range(n)]
    c = [[0.0] * n for _ in range(n)]
    for i in range(n):
        for j in range(n):
            s = 0.0
            for k in range(n):
                s += a[i][k] * b[k][j]
            c[i][j] = s
    return c


def gcds():
    s = 0
    for a in range(1, 200):
        for b in range(1, 200):
            x, y = a, b
            while y != 0:
                x, y = y, x % y
            s += x
    return s


def walked():
    p = (0, 1)
    for _ in range(50000):
        p = (p[1], (p[0] + p[1]) % 1000)
    return p


def times(p, q):
    return (p[0] * q[0] - p[1] * q[1], p[0] * q[1] + p[1] * q[0])


def turned():
    p = (0.6, 0.8)
    q = (1.0, 0.0)
    for _ in range(50000):
        q = times(p, q)
    return q


best("scalar_loop", 200000, scalar_loop)
best("collatz_step", collatz(), collatz)
best("fib_call", 242785, lambda: fib(25))
best("small_function", 100000, calls)
best("sieve_number", 100000, sieve)
best("mandelbrot_point", 2400, mandelbrot)
best("assign_element", 100000, assign)
best("read_element", 100000, read)
best("product_step", 64000, product)
best("gcd_pair", 39601, gcds)
best("carried_tuple", 50000, walked)
best("tuple_call", 50000, turned)

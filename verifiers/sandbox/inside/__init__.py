"""What runs inside the sandbox, as plain code objects handed in: it imports nothing of Dormouse's other
rooms.

Two processes work there. The *judge* holds the tests and reports; the *code* process holds what is judged and
nothing else. They share two pipes, over which plain values go.
"""

"""What customers did next: steps of whole customers in order, and the questions one linear scan answers about them.

Arrays in, frozen results out, like the statistics. The kernels are compiled on first use and kept on disk beside the
package, or in the user's cache where that cannot be written.
"""

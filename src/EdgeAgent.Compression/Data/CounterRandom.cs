namespace EdgeAgent.Compression.Data;

/// <summary>
/// Random numbers as a pure function of their coordinates (SplitMix64's finaliser over a seed and counters): whoever asks
/// for (seed, epoch, image) again gets the same, so a resumed run needs no generator state.
/// </summary>
public readonly record struct CounterRandom(ulong State)
{
    public static CounterRandom Of(ulong seed, ulong a, ulong b = 0, ulong c = 0) =>
        new(Mix(Mix(Mix(Mix(seed) + a) + b) + c));

    /// <summary>The number at <paramref name="index"/> of this stream.</summary>
    public ulong this[int index] => Mix(State + (ulong)(index + 1) * 0x9E3779B97F4A7C15);

    /// <summary>Uniform in [0, <paramref name="bound"/>), by multiply-shift.</summary>
    public int Below(int index, int bound) => (int)Math.BigMul(this[index], (ulong)bound, out _);

    /// <summary>Uniform in [0, 1).</summary>
    public double Unit(int index) => (this[index] >> 11) * (1.0 / (1UL << 53));

    /// <summary>A permutation of 0 .. <paramref name="count"/> - 1 (Fisher-Yates).</summary>
    public int[] Permutation(int count)
    {
        var order = new int[count];
        for (var i = 0; i < count; i++)
            order[i] = i;
        for (var i = count - 1; i > 0; i--)
        {
            var j = Below(i, i + 1);
            (order[i], order[j]) = (order[j], order[i]);
        }
        return order;
    }

    private static ulong Mix(ulong z)
    {
        z += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}

using EdgeAgent.Inputs;

namespace EdgeAgent.Compression.Data;

/// <summary>
/// The decodable images of one or more data sets, resized to the model's input size, as bytes. Images are decoded when
/// asked for; those that fit into the memory bound stay decoded, so that a small set is decoded once and a large one streams
/// with memory that does not grow with it. Thread-safe.
/// </summary>
public sealed class ImageSamples
{
    private readonly LabelledImages _images;
    private readonly int[] _indices;
    private readonly byte[]?[] _decoded;
    private readonly long _capacity;
    private long _held;

    private ImageSamples(LabelledImages images, int[] indices, byte[]?[] decoded, long capacity, int width, int height)
    {
        (_images, _indices, _decoded, _capacity, Width, Height) = (images, indices, decoded, capacity, width, height);
        Labels = Array.ConvertAll(indices, images.Label);
    }

    public int Width { get; }

    public int Height { get; }

    public int Count => _indices.Length;

    public int ClassCount => _images.Classes.Count;

    /// <summary>Class of each sample.</summary>
    public IReadOnlyList<int> Labels { get; }

    public string Name(int sample) => _images.Name(_indices[sample]);

    /// <summary>Decodes every image once, to know which are usable.</summary>
    /// <param name="memoryBytes">How many bytes of decoded pixels may stay in memory.</param>
    /// <param name="skipped">Called with the fault of every image that does not decode.</param>
    public static ImageSamples Open(LabelledImages images, int width, int height, long memoryBytes, Action<string> skipped, CancellationToken cancellation)
    {
        var pixels = new byte[]?[images.Count];
        var faults = new string?[images.Count];
        var kept = Math.Min(images.Count, (int)Math.Min(int.MaxValue, memoryBytes / ((long)width * height * RgbImage.Channels)));
        Parallel.For(0, images.Count, new ParallelOptions { CancellationToken = cancellation }, i =>
        {
            if (!images.TryDecode(i, out var image, out faults[i]))
                return;
            // Beyond the bound the decoded pixels are dropped again: this pass only asks whether they can be had.
            pixels[i] = i < kept ? BilinearResize.Resize(image, width, height).Pixels : [];
        });
        foreach (var fault in faults)
            if (fault is not null)
                skipped(fault);
        var usable = Enumerable.Range(0, images.Count).Where(i => faults[i] is null).ToArray();
        var decoded = Array.ConvertAll(usable, i => pixels[i] is { Length: > 0 } held ? held : null);
        return new ImageSamples(images, usable, decoded, memoryBytes, width, height) { _held = decoded.Sum(d => (long)(d?.Length ?? 0)) };
    }

    /// <summary>Pixels of a sample, rows from the top, RGB interleaved. The array is shared: do not write to it.</summary>
    /// <exception cref="InputException">The file has gone or changed since the set was opened.</exception>
    public byte[] Pixels(int sample)
    {
        if (Volatile.Read(ref _decoded[sample]) is { } held)
            return held;
        if (!_images.TryDecode(_indices[sample], out var image, out var fault))
            throw new InputException($"{fault} (it decoded when the run began; keep the data unchanged while it runs)");
        var pixels = BilinearResize.Resize(image, Width, Height).Pixels;
        if (Interlocked.Add(ref _held, pixels.Length) <= _capacity)
            Volatile.Write(ref _decoded[sample], pixels);
        else
            Interlocked.Add(ref _held, -pixels.Length);
        return pixels;
    }

    /// <summary>
    /// Splits a share off, class by class, by a fixed shuffle: the same images for the same data and seed.
    /// </summary>
    /// <returns>Sample numbers of the remainder and of the share, ascending; each class keeps at least one sample in the remainder.</returns>
    public (int[] Remainder, int[] Share) SplitStratified(double share, ulong seed)
    {
        var held = new List<int>();
        foreach (var group in Enumerable.Range(0, Count).GroupBy(i => Labels[i]))
        {
            var members = group.ToArray();
            var order = CounterRandom.Of(seed, 0x5911, (ulong)group.Key).Permutation(members.Length);
            var count = Math.Clamp((int)Math.Round(members.Length * share), members.Length > 1 ? 1 : 0, Math.Max(0, members.Length - 1));
            held.AddRange(order.Take(count).Select(o => members[o]));
        }
        held.Sort();
        var chosen = held.ToHashSet();
        return (Enumerable.Range(0, Count).Where(i => !chosen.Contains(i)).ToArray(), held.ToArray());
    }
}

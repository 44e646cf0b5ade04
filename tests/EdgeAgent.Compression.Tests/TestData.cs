using EdgeAgent.Compression.Data;
using EdgeAgent.Inputs;
using StbImageWriteSharp;

namespace EdgeAgent.Compression.Tests;

/// <summary>
/// A folder of small PNG images in four classes that a few steps of training can tell apart: the class is where a bright
/// patch lies in noise. Gone at the end of the test.
/// </summary>
internal sealed class TestData : IDisposable
{
    public TestData(int perClass = 24, int seed = 1)
    {
        var random = new Random(seed);
        for (var label = 0; label < TestGraphs.Classes; label++)
        {
            var folder = Directory.CreateDirectory(Path.Combine(Images, $"class-{label}"));
            for (var i = 0; i < perClass; i++)
                File.WriteAllBytes(Path.Combine(folder.FullName, $"{i:000}.png"), Png(random, label));
        }
    }

    /// <summary>Everything the test writes.</summary>
    public string Root { get; } = Directory.CreateTempSubdirectory("edgeagent-compression-").FullName;

    public string Images => Path.Combine(Root, "images");

    public BatchSource Batches()
    {
        var images = LabelledImages.Open(Images);
        var samples = ImageSamples.Open(images, TestGraphs.Size, TestGraphs.Size, 1 << 24, _ => { }, CancellationToken.None);
        return new BatchSource(samples, [.. Enumerable.Range(0, samples.Count)], new Preprocessing(TestGraphs.Size, TestGraphs.Size), Augmentation.For(TestGraphs.Size, TestGraphs.Size), seed: 1);
    }

    public void Dispose() => Directory.Delete(Root, recursive: true);

    private static byte[] Png(Random random, int label)
    {
        const int size = TestGraphs.Size;
        var pixels = new byte[size * size * 3];
        for (var i = 0; i < pixels.Length; i++)
            pixels[i] = (byte)random.Next(0, 120);
        int left = label % 2 * 8 + random.Next(4), top = label / 2 * 8 + random.Next(4);
        for (var y = top; y < top + 4; y++)
            for (var x = left; x < left + 4; x++)
                for (var c = 0; c < 3; c++)
                    // Classes differ in colour too, since augmentation flips left and right.
                    pixels[(y * size + x) * 3 + c] = (byte)(c == label % 3 ? 250 : 60);
        using var stream = new MemoryStream();
        new ImageWriter().WritePng(pixels, size, size, ColorComponents.RedGreenBlue, stream);
        return stream.ToArray();
    }
}

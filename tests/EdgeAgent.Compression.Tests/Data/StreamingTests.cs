using System.Formats.Tar;
using System.Security.Cryptography;
using EdgeAgent.Compression.Data;
using EdgeAgent.Inputs;
using StbImageWriteSharp;

namespace EdgeAgent.Compression.Tests.Data;

/// <summary>Measures the heap, which all tests share: runs when no other does.</summary>
[CollectionDefinition(nameof(HeapMeasurement), DisableParallelization = true)]
public sealed class HeapMeasurement;

/// <summary>Data sets larger than the memory that images may take.</summary>
[Collection(nameof(HeapMeasurement))]
public sealed class StreamingTests : IDisposable
{
    private const int Size = 24, BatchSize = 50;

    private readonly string _root = Directory.CreateTempSubdirectory("edgeagent-streaming-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void Epoch_OfMoreImagesThanFit_HoldsTheirNamesAndNotTheirPixels()
    {
        const int few = 500, many = 5000;
        var growth = (double)(HeapAfterAnEpoch(many) - HeapAfterAnEpoch(few)) / (many - few);
        // Name, place and label; the pixels of an image would be 1728 bytes.
        Assert.True(growth < 500, $"an image more takes {growth} bytes");
    }

    [Fact]
    public void Order_OfTheSameSeed_IsTheSameWhereverTheImagesLieAndHoweverManyFit()
    {
        var archive = Archive(200);
        var folder = Path.Combine(_root, "folder");
        Directory.CreateDirectory(folder);
        TarFile.ExtractToDirectory(archive, folder, overwriteFiles: false);
        string Pixels(string path, long memory)
        {
            using var images = LabelledImages.Open(path);
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            foreach (var batch in Epoch(Source(images, memory)))
                hash.AppendData(System.Runtime.InteropServices.MemoryMarshal.AsBytes(batch.Input.AsSpan()));
            return Convert.ToHexString(hash.GetHashAndReset());
        }
        var expected = Pixels(archive, long.MaxValue);
        Assert.Equal(expected, Pixels(archive, 0));
        Assert.Equal(expected, Pixels(archive, 20 * Size * Size * 3));
        Assert.Equal(expected, Pixels(folder, 0));
    }

    private long HeapAfterAnEpoch(int count)
    {
        using var images = LabelledImages.Open(Archive(count));
        var source = Source(images, 100 * Size * Size * 3);
        var seen = 0;
        foreach (var batch in Epoch(source))
            seen += batch.Labels.Length;
        Assert.Equal(count, seen);
        GC.Collect();
        // What earlier tests left to the finalizers.
        GC.WaitForPendingFinalizers();
        var held = GC.GetTotalMemory(forceFullCollection: true);
        GC.KeepAlive(source);
        return held;
    }

    private static BatchSource Source(LabelledImages images, long memory)
    {
        var samples = ImageSamples.Open(images, Size, Size, memory, _ => { }, CancellationToken.None);
        return new BatchSource(samples, [.. Enumerable.Range(0, samples.Count)], new Preprocessing(Size, Size), Augmentation.For(Size, Size), seed: 3);
    }

    private static IEnumerable<Batch> Epoch(BatchSource source)
    {
        var order = source.Order(0);
        return source.Prefetch(Enumerable.Range(0, order.Length / BatchSize).Select(i => new BatchPlan(i, 0, 0, order[(i * BatchSize)..((i + 1) * BatchSize)])), CancellationToken.None);
    }

    /// <summary>A tar of so many small images in two classes.</summary>
    private string Archive(int count)
    {
        var path = Path.Combine(_root, $"{count}.tar");
        var random = new Random(1);
        using var tar = new TarWriter(File.Create(path));
        for (var i = 0; i < count; i++)
        {
            var pixels = new byte[Size * Size * 3];
            random.NextBytes(pixels.AsSpan(0, 60));
            using var image = new MemoryStream();
            new ImageWriter().WriteBmp(pixels, Size, Size, ColorComponents.RedGreenBlue, image);
            image.Position = 0;
            tar.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, $"class-{i % 2}/{i:00000}.bmp") { DataStream = image });
        }
        return path;
    }
}

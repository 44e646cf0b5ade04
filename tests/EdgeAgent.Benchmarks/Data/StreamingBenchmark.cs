using System.Diagnostics;
using System.Formats.Tar;
using System.IO.Compression;
using EdgeAgent.Compression.Data;
using EdgeAgent.Inputs;

namespace EdgeAgent.Benchmarks.Data;

/// <summary>
/// Opens a data set of copies of one JPEG file and goes through it once as training does, with memory for 1000 decoded images:
/// how much memory it takes, and how many images a second it decodes. One process for each size and kind, since a process
/// never shows less memory than it once had.
/// </summary>
internal static class StreamingBenchmark
{
    private const int Classes = 10, Size = 32, BatchSize = 256, MemoryImages = 1000;

    /// <param name="kind">folder, zip, tar or tar.gz.</param>
    /// <param name="image">A JPEG file of the data set's kind.</param>
    public static int Run(int count, string kind, string image)
    {
        var root = Directory.CreateTempSubdirectory("edgeagent-data-").FullName;
        try
        {
            var path = Write(Path.Combine(root, kind == "folder" ? "set" : $"set.{kind}"), kind, count, File.ReadAllBytes(image));
            GC.Collect();
            var start = Stopwatch.GetTimestamp();
            using var images = LabelledImages.Open(path);
            var listed = Stopwatch.GetElapsedTime(start);
            var samples = ImageSamples.Open(images, Size, Size, (long)MemoryImages * Size * Size * RgbImage.Channels, Console.Error.WriteLine, CancellationToken.None);
            var opened = Stopwatch.GetElapsedTime(start);
            var source = new BatchSource(samples, [.. Enumerable.Range(0, samples.Count)], new Preprocessing(Size, Size), Augmentation.For(Size, Size), seed: 1);
            var order = source.Order(0);
            start = Stopwatch.GetTimestamp();
            var plans = Enumerable.Range(0, order.Length / BatchSize).Select(i => new BatchPlan(i, 0, 0, order[(i * BatchSize)..((i + 1) * BatchSize)]));
            var seen = source.Prefetch(plans, CancellationToken.None).Sum(batch => batch.Labels.Length);
            var epoch = Stopwatch.GetElapsedTime(start);
            var heap = GC.GetTotalMemory(forceFullCollection: true);
            Console.WriteLine(FormattableString.Invariant(
                $"{kind}, {count} images: listed in {listed.TotalSeconds:0.00} s, checked in {opened.TotalSeconds:0.0} s; an epoch {seen / epoch.TotalSeconds:0} images/s; heap {heap / 1e6:0.0} MB, process at most {Process.GetCurrentProcess().PeakWorkingSet64 / 1e6:0} MB"));
            GC.KeepAlive(source);
            return 0;
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    private static string Write(string path, string kind, int count, byte[] image)
    {
        var names = Enumerable.Range(0, count).Select(i => $"class-{i % Classes}/{i:0000000}.jpg");
        if (kind == "folder")
        {
            for (var c = 0; c < Classes; c++)
                Directory.CreateDirectory(Path.Combine(path, $"class-{c}"));
            foreach (var name in names)
                File.WriteAllBytes(Path.Combine(path, name), image);
        }
        else if (kind == "zip")
        {
            using var zip = ZipFile.Open(path, ZipArchiveMode.Create);
            foreach (var name in names)
            {
                using var entry = zip.CreateEntry(name, CompressionLevel.NoCompression).Open();
                entry.Write(image);
            }
        }
        else
        {
            using Stream file = kind == "tar" ? File.Create(path) : new GZipStream(File.Create(path), CompressionLevel.Fastest);
            using var tar = new TarWriter(file, TarEntryFormat.Ustar);
            foreach (var name in names)
                tar.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(image) });
        }
        return path;
    }
}

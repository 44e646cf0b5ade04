using System.Globalization;
using System.IO.Compression;
using EdgeAgent.Inputs;
using StbImageWriteSharp;

namespace EdgeAgent.Cli.Demo;

/// <summary>Writes the generated data set as a zip of class folders with PNG images; the same bytes for the same arguments.</summary>
internal static class ShapeDataSet
{
    /// <param name="path">The archive; replaced only once it is whole.</param>
    /// <param name="perClass">Images of each class.</param>
    /// <param name="seed">Another seed gives other images of the same kind.</param>
    public static void Write(string path, int perClass, int seed, CancellationToken cancellation)
    {
        var classes = ShapeClass.All;
        var files = new byte[classes.Count * perClass][];
        Parallel.For(0, files.Length, new ParallelOptions { CancellationToken = cancellation }, i =>
        {
            var (label, number) = Math.DivRem(i, perClass);
            files[i] = Png(ShapeImage.Draw(classes[label], new Random(HashCode(seed, label, number))));
        });
        var partial = path + ".partial";
        using (var archive = ZipFile.Open(partial, ZipArchiveMode.Create))
            for (var i = 0; i < files.Length; i++)
            {
                var (label, number) = Math.DivRem(i, perClass);
                var entry = archive.CreateEntry($"{classes[label].Name}/{number.ToString("0000", CultureInfo.InvariantCulture)}.png", CompressionLevel.NoCompression);
                entry.LastWriteTime = DateTimeOffset.UnixEpoch.AddYears(30);
                using var stream = entry.Open();
                stream.Write(files[i]);
            }
        File.Move(partial, path, overwrite: true);
    }

    private static byte[] Png(RgbImage image)
    {
        using var stream = new MemoryStream();
        new ImageWriter().WritePng(image.Pixels, image.Width, image.Height, ColorComponents.RedGreenBlue, stream);
        return stream.ToArray();
    }

    /// <summary>A seed for one image; unlike <see cref="System.HashCode"/> the same in every process.</summary>
    private static int HashCode(int seed, int label, int number)
    {
        var state = ((ulong)(uint)seed << 40) ^ ((ulong)(uint)label << 20) ^ (uint)number;
        state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9;
        state = (state ^ (state >> 27)) * 0x94D049BB133111EB;
        return (int)((state ^ (state >> 31)) & 0x7FFFFFFF);
    }
}

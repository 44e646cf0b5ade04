using System.Buffers.Binary;
using EdgeAgent.Graph.Export.TfLite;
using EdgeAgent.Graph.Import;

namespace EdgeAgent.Tests.Graph.TfLite;

/// <summary>Broken and foreign TensorFlow Lite files: a graph or a refusal in one line that names the file, never anything else.</summary>
public class BadFileTests
{
    private static readonly byte[] Float = TfLiteExporter.ToBytes(OperatorGraphs.ConcatNet(seed: 1));
    private static readonly byte[] Integers = TfLiteExporter.ToBytes(ExportTests.Quantized(OperatorGraphs.DepthwiseNet(seed: 1), wholly: true));

    [Fact]
    public void TruncatedFile_AtAnyByte_IsRefused()
    {
        var random = new Random(1);
        for (var i = 0; i < 200; i++)
            LoadOrRefuse(Float[..random.Next(8, Float.Length)]);
        Assert.Contains("damaged", LoadOrRefuse(Float[..(Float.Length / 2)]));
    }

    [Fact]
    public void MutatedFile_TwentyThousandTimes_AlwaysGivesAGraphOrARefusal()
    {
        foreach (var file in new[] { Float, Integers })
            foreach (var bytes in Tables(file, 10_000))
                LoadOrRefuse(bytes);
    }

    [Theory]
    [InlineData("TFL3")]
    [InlineData("TFL3 and then no tables at all")]
    public void MagicNumberAlone_IsRefused(string text) =>
        Assert.NotNull(LoadOrRefuse([.. BitConverter.GetBytes(4), .. System.Text.Encoding.ASCII.GetBytes(text)]));

    [Fact]
    public void WrongExtension_IsReadByContent()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.File("model.onnx"), Float);
        Assert.Single(ModelImporter.Load(folder.File("model.onnx")).Inputs);
    }

    /// <summary>Half of the mutations fall on the first part of the file, where the tables are: most of the rest is weights.</summary>
    private static IEnumerable<byte[]> Tables(byte[] file, int count)
    {
        foreach (var bytes in Mutations.Of(file, count / 2))
            yield return bytes;
        var random = new Random(7);
        for (var i = 0; i < count / 2; i++)
        {
            var bytes = file.ToArray();
            for (var n = random.Next(1, 4); n > 0; n--)
            {
                var at = random.Next(Math.Min(bytes.Length, 12_000) / 4) * 4;
                var value = random.Next(4) switch { 0 => int.MaxValue, 1 => -1, 2 => random.Next(256), _ => random.Next() };
                BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(at), value);
            }
            yield return bytes;
        }
    }

    private static string? LoadOrRefuse(byte[] bytes) => DamagedFile.LoadOrRefuse("bad.tflite", bytes);
}

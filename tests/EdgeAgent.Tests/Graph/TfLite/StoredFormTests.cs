using EdgeAgent.Graph.Export.TfLite;
using EdgeAgent.Graph.Import;
using EdgeAgent.Graph.Import.TfLite;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Tests.Graph.Keras;
using Google.FlatBuffers;
using static EdgeAgent.Graph.Export.TfLite.TfLiteFileBuilder;

namespace EdgeAgent.Tests.Graph.TfLite;

/// <summary>Forms in which other tools store tensors and this exporter does not: sparse weights, activations of 16 bits.</summary>
public class StoredFormTests
{
    private const byte Float32 = 0, Int64 = 4, Int16 = 7, Int8 = 9;

    // A pruned dense layer [4, 4] of blocks of one row and two columns; which of them occur is stored row by row.
    private static readonly float[] Dense = [0, 0, 1, 2, 0, 0, 0, 0, 3, 4, 5, 6, 0, 0, 7, 8];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void SparseWeights_InBlocks_AreMadeDense(byte indexType)
    {
        var graph = Import(b => File(b, [1, 4], Float32, null, Weights(b, indexType, [0, 1, 1, 3, 4], [1, 0, 1, 1])));
        var x = Tensor.Of([1f, 10, 100, 1000], 1, 4);
        float[] expected = [.. Enumerable.Range(0, 4).Select(row => Enumerable.Range(0, 4).Sum(i => Dense[4 * row + i] * x.Floats[i]))];
        Assert.Equal(expected, KerasFileTests.Run(graph, x).Floats);
    }

    [Theory]
    [InlineData(new[] { 0, 1, 1, 3 }, new[] { 1, 0, 1, 1 })]
    [InlineData(new[] { 0, 1, 1, 3, 9 }, new[] { 1, 0, 1, 1 })]
    [InlineData(new[] { 0, 1, 1, 3, 4 }, new[] { 1, 0, 1, 2 })]
    [InlineData(new[] { 0, 1, 1, 3, 3 }, new[] { 1, 0, 1, 1 })]
    [InlineData(new[] { 0, 4, 0, 4, 4 }, new[] { 1, 0, 1, 1 })]
    public void SparseWeights_ThatDoNotFit_AreRefusedByTensor(int[] segments, int[] indices)
    {
        var message = Assert.Throws<ModelImportException>(() => Import(b => File(b, [1, 4], Float32, null, Weights(b, 1, segments, indices)))).Message;
        Assert.Contains("tensor 1 'w'", message);
        Assert.Contains("sparse", message);
    }

    [Fact]
    public void MutatedSparseFiles_AreReadOrRefused()
    {
        var b = new FlatBufferBuilder(1 << 10);
        var whole = File(b, [1, 4], Float32, null, Weights(b, 2, [0, 1, 1, 3, 4], [1, 0, 1, 1]));
        Assert.Null(DamagedFile.LoadOrRefuse("sound.tflite", whole));
        foreach (var bytes in Mutations.Of(whole, 5_000))
            DamagedFile.LoadOrRefuse("bad.tflite", bytes);
    }

    /// <summary>Weights of 8 bits, activations of 16, biases of 64: computed in real numbers, which differ from the runtime's integers by a step at most.</summary>
    [Fact]
    public void SixteenBitActivations_AreComputedInRealNumbers()
    {
        const float inputStep = 1f / 4096, weightStep = 0.25f, outputStep = 1f / 512;
        sbyte[] weights = [.. Dense.Select(d => (sbyte)(4 * d))];
        var graph = Import(b => File(b, [1, 4], Int16, (inputStep, outputStep), b =>
        [
            (Int8, [4, 4], [.. weights.Select(w => (byte)w)], Scale(b, weightStep), null),
            (Int64, [4], [.. new long[] { 4096, 0, -8192, 3 }.SelectMany(BitConverter.GetBytes)], Scale(b, inputStep * weightStep), null),
        ]));
        Assert.Equal((ElementType.Float32, ElementType.Float32), (graph.Inputs[0].Type, graph.Outputs[0].Type));
        var x = Tensor.Of([0.5f, -0.25f, 1, 0.125f], 1, 4);
        float[] bias = [0.25f, 0, -0.5f, 3 * inputStep * weightStep];
        float[] expected = [.. Enumerable.Range(0, 4).Select(row => bias[row] + Enumerable.Range(0, 4).Sum(i => Dense[4 * row + i] * x.Floats[i]))];
        Assert.All(expected.Zip(KerasFileTests.Run(graph, x).Floats), p => Assert.Equal(p.First, p.Second, 1e-5f));
    }

    private delegate (byte Type, int[] Shape, byte[] Data, Offset? Quantization, Offset? Sparsity)[] Constants(FlatBufferBuilder b);

    private static Constants Weights(FlatBufferBuilder _, byte indexType, int[] segments, int[] indices) => b =>
    [
        (Float32, [4, 4], [.. new[] { 1f, 2, 3, 4, 5, 6, 7, 8 }.SelectMany(BitConverter.GetBytes)], null, Table(b,
            (0, Ints(b, [0, 1, 2])), (1, Ints(b, [1])), (2, Offsets(b,
            [
                Table(b, (0, (byte)0), (1, 4)),
                Table(b, (0, (byte)1), (2, indexType), (3, Indices(b, indexType, segments)), (4, indexType), (5, Indices(b, indexType, indices))),
                Table(b, (0, (byte)0), (1, 2)),
            ])))),
        (Float32, [4], new byte[16], null, null),
    ];

    private static Offset Indices(FlatBufferBuilder b, byte type, int[] values) => Table(b, (0, type switch
    {
        1 => Ints(b, values),
        2 => Vector(b, Array.ConvertAll(values, v => (short)v), 2, b.AddShort),
        _ => Vector(b, Array.ConvertAll(values, v => (byte)v), 1, b.AddByte),
    }));

    private static Offset Scale(FlatBufferBuilder b, float scale) => Table(b, (2, Vector(b, [scale], 4, b.AddFloat)), (3, Vector(b, [0L], 8, b.AddLong)));

    /// <summary>One FULLY_CONNECTED with the constants as its weights and bias.</summary>
    private static byte[] File(FlatBufferBuilder b, int[] shape, byte type, (float In, float Out)? steps, Constants make)
    {
        const byte fullyConnected = 9;
        var constants = make(b);
        Offset Tensor(string name, byte elementType, int[] dimensions, int buffer, Offset? quantization, Offset? sparsity)
        {
            var fields = new List<(int, object)> { (0, Ints(b, dimensions)), (1, elementType), (2, buffer), (3, Text(b, name)) };
            if (quantization is { } q)
                fields.Add((4, q));
            if (sparsity is { } s)
                fields.Add((6, s));
            return Table(b, [.. fields]);
        }
        Offset[] tensors =
        [
            Tensor("x", type, shape, 0, steps is { } i ? Scale(b, i.In) : null, null),
            .. constants.Select((c, i) => Tensor(i == 0 ? "w" : "b", c.Type, c.Shape, 1 + i, c.Quantization, c.Sparsity)),
            Tensor("y", type, [1, 4], 0, steps is { } o ? Scale(b, o.Out) : null, null),
        ];
        Offset[] buffers = [Table(b), .. constants.Select(c => Table(b, (0, Vector(b, c.Data, 1, b.AddByte))))];
        var graph = Table(b, (0, Offsets(b, tensors)), (1, Ints(b, [0])), (2, Ints(b, [3])), (3, Offsets(b, [Table(b, (0, 0), (1, Ints(b, [0, 1, 2])), (2, Ints(b, [3])))])));
        var root = Table(b, (0, 3), (1, Offsets(b, [Table(b, (0, fullyConnected), (2, 1), (3, (int)fullyConnected))])), (2, Offsets(b, [graph])), (4, Offsets(b, buffers)));
        b.Finish(root.At, "TFL3");
        return b.SizedByteArray();
    }

    private static GraphSpec Import(Func<FlatBufferBuilder, byte[]> make)
    {
        using var folder = new TemporaryFolder();
        System.IO.File.WriteAllBytes(folder.File("model.tflite"), make(new FlatBufferBuilder(1 << 10)));
        return ModelImporter.Load(folder.File("model.tflite"));
    }
}

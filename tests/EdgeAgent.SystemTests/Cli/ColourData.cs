using EdgeAgent.Graph.Export.Onnx;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Int8.Plan;
using StbImageWriteSharp;

namespace EdgeAgent.SystemTests.Cli;

/// <summary>
/// A data set of three colours and a model that names them by the mean of each channel: right by construction, so tests
/// know every figure.
/// </summary>
internal sealed class ColourData : IDisposable
{
    public const int Side = 8, Classes = 3;

    private static readonly string[] Names = ["a-red", "b-green", "c-blue"];

    public string Folder { get; } = Directory.CreateTempSubdirectory("edgectl-tests-").FullName;

    public string PathOf(string name) => Path.Combine(Folder, name);

    /// <summary>Class folders with that many images each; every image is of its class's colour.</summary>
    public string Images(int perClass = 4, string name = "images")
    {
        for (var label = 0; label < Classes; label++)
            for (var i = 0; i < perClass; i++)
                Write($"{name}/{Names[label]}/{i}.png", Png(label, i));
        return PathOf(name);
    }

    public string Write(string name, byte[] content)
    {
        var path = PathOf(name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, content);
        return path;
    }

    public static byte[] Png(int label, int seed)
    {
        var pixels = new byte[Side * Side * 3];
        for (var i = 0; i < pixels.Length; i++)
            pixels[i] = (byte)(i % 3 == label ? 200 + seed % 50 : (i * 13 + seed) % 100);
        using var stream = new MemoryStream();
        new ImageWriter().WritePng(pixels, Side, Side, ColorComponents.RedGreenBlue, stream);
        return stream.ToArray();
    }

    /// <summary>An ONNX model of this class with the height and width of its images left open.</summary>
    public string OfAnySize(string model)
    {
        var bytes = File.ReadAllBytes(model);
        // Dimensions of the input: messages of 2 bytes with dim_value (field 1). An empty dim_param (field 2) is as long, and open.
        ReadOnlySpan<byte> sizes = [10, 2, 8, 3, 10, 2, 8, Side, 10, 2, 8, Side], open = [10, 2, 8, 3, 10, 2, 18, 0, 10, 2, 18, 0];
        open.CopyTo(bytes.AsSpan(bytes.AsSpan().IndexOf(sizes)));
        return Write("any-size.onnx", bytes);
    }

    /// <summary>ONNX: mean of each channel, negative means cut off.</summary>
    public string Model(string name = "model.onnx")
    {
        OnnxExporter.Write(Graph(), PathOf(name));
        return PathOf(name);
    }

    public static GraphSpec Graph() => new(
        "colours",
        [new ValueSpec("image", ElementType.Float32, [-1, 3, Side, Side])],
        [new ValueSpec("logits", ElementType.Float32, [-1, 3])],
        [
            new Node("pool", new GlobalAveragePool(), ["image"], ["pooled"]),
            new Node("relu", new Relu(), ["pooled"], ["positive"]),
            new Node("flatten", new Flatten(1), ["positive"], ["logits"]),
        ],
        new Dictionary<string, Tensor>());

    /// <summary>ONNX: three convolutions with random weights in front of a dense layer, most of whose time is arithmetic.</summary>
    public string Network(string name = "network.onnx")
    {
        const int narrow = 64, wide = 256;
        var random = new Random(1);
        var graph = new GraphSpec(
            "colour-network",
            [new ValueSpec("image", ElementType.Float32, [-1, 3, Side, Side])],
            [new ValueSpec("logits", ElementType.Float32, [-1, Classes])],
            [
                new Node("conv1", new Conv(Window.Of(3, pad: 1), 1), ["image", "w1", "b1"], ["c1"]),
                new Node("relu1", new Relu(), ["c1"], ["r1"]),
                new Node("conv2", new Conv(Window.Of(3, pad: 1), 1), ["r1", "w2", "b2"], ["c2"]),
                new Node("relu2", new Relu(), ["c2"], ["r2"]),
                new Node("conv3", new Conv(Window.Of(3, pad: 1), 1), ["r2", "w3", "b3"], ["c3"]),
                new Node("relu3", new Relu(), ["c3"], ["r3"]),
                new Node("pool", new GlobalAveragePool(), ["r3"], ["pooled"]),
                new Node("flatten", new Flatten(1), ["pooled"], ["features"]),
                new Node("dense", new Gemm(1, 1, false, true), ["features", "w4", "b4"], ["logits"]),
            ],
            new Dictionary<string, Tensor>
            {
                ["w1"] = Weights(narrow, 3, 3, 3), ["b1"] = Weights(narrow),
                ["w2"] = Weights(wide, narrow, 3, 3), ["b2"] = Weights(wide),
                ["w3"] = Weights(wide, wide, 3, 3), ["b3"] = Weights(wide),
                ["w4"] = Weights(Classes, wide), ["b4"] = Weights(Classes),
            });
        OnnxExporter.Write(graph, PathOf(name));
        return PathOf(name);

        Tensor Weights(params int[] shape)
        {
            var values = new float[shape.Aggregate((a, b) => a * b)];
            var scale = Math.Sqrt(6.0 / shape[1..].Aggregate(1, (a, b) => a * b));
            for (var i = 0; i < values.Length; i++)
                values[i] = (float)(scale * (2 * random.NextDouble() - 1));
            return Tensor.Of(values, shape);
        }
    }

    /// <summary>The same as <see cref="Model"/> as a plan of the int8 engine.</summary>
    public string Plan(string name = "model.plan")
    {
        var plan = new PlanBuilder("colours");
        var input = plan.Input(new PlanShape(Side, Side, 3), new Quantization(1, 0));
        var pooled = plan.GlobalAveragePool(input, new Quantization(1, 0));
        plan.Output(plan.Dequantize(pooled));
        return Write(name, plan.Build());
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}

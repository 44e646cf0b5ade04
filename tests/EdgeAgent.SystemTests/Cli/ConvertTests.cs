using System.Xml.Linq;
using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Import;
using EdgeAgent.Graph.Ir;
using Xunit;

namespace EdgeAgent.SystemTests.Cli;

/// <summary>Models from one format to another and out of it again, by the program as a user calls it.</summary>
public sealed class ConvertTests : IDisposable
{
    private readonly ColourData _data = new();

    public void Dispose() => _data.Dispose();

    [Fact]
    public async Task OnnxToTfLiteAndBack_ComputesTheSame()
    {
        var (onnx, tflite, back) = (_data.Network(), _data.PathOf("network.tflite"), _data.PathOf("back.onnx"));
        var first = (await EdgectlProcess.RunAsync("convert", onnx, tflite, "--json")).Json();
        Assert.Equal("tflite", first.GetProperty("format").GetString());
        Assert.Equal([-1, ColourData.Side, ColourData.Side, 3], first.GetProperty("inputs")[0].GetProperty("shape").EnumerateArray().Select(d => d.GetInt32()));
        Assert.Equal("onnx", (await EdgectlProcess.RunAsync("convert", tflite, back, "--json")).Json().GetProperty("format").GetString());

        var (planar, turned) = Images(seed: 1);
        var expected = Run(onnx, planar);
        foreach (var actual in new[] { Run(tflite, turned), Run(back, turned) })
            Assert.All(expected.Zip(actual), p => Assert.Equal(p.First, p.Second, 1e-4f * Math.Max(1, Math.Abs(p.First))));
    }

    /// <summary>What convert wrote is a model like any other: its images come with the channels last, and eval makes them so.</summary>
    [Fact]
    public async Task TfLiteFile_IsEvaluatedByTheInterpreter()
    {
        var tflite = _data.PathOf("model.tflite");
        Assert.Equal(0, (await EdgectlProcess.RunAsync("convert", _data.Model(), tflite)).ExitCode);
        var json = (await EdgectlProcess.RunAsync("eval", "--model", tflite, "--data", _data.Images(), "--json")).Json();
        Assert.Equal("interpreter", json.GetProperty("engine").GetString());
        Assert.Equal(1, json.GetProperty("top1").GetDouble());
        (await EdgectlProcess.RunAsync("eval", "--model", tflite, "--data", _data.Images(), "--engine", "onnxruntime")).FailsWith(1, "model.tflite", "convert");
    }

    /// <summary>A model that another tool has quantized gets its plan here: quantize takes float models only.</summary>
    [Fact]
    public async Task QuantizedOnnx_AsAPlan_NamesTheSameClasses()
    {
        var (qdq, plan, images) = (_data.PathOf("int8.onnx"), _data.PathOf("converted.plan"), _data.Images(perClass: 8));
        Assert.Equal(0, (await EdgectlProcess.RunAsync("quantize", "--model", _data.Model(), "--data", images, "--out", qdq)).ExitCode);
        Assert.Equal("plan", (await EdgectlProcess.RunAsync("convert", qdq, plan, "--json")).Json().GetProperty("format").GetString());
        var json = (await EdgectlProcess.RunAsync("eval", "--model", plan, "--data", images, "--json")).Json();
        Assert.Equal("int8", json.GetProperty("engine").GetString());
        Assert.Equal(1, json.GetProperty("top1").GetDouble());
    }

    [Fact]
    public async Task FloatModel_AsAPlan_FailsWithTheWayToOne() =>
        (await EdgectlProcess.RunAsync("convert", _data.Model(), _data.PathOf("float.plan"))).FailsWith(1, "model.onnx", "not quantized", "quantize");

    [Fact]
    public async Task UnknownExtension_FailsWithThoseThatCanBeWritten() =>
        (await EdgectlProcess.RunAsync("convert", _data.Model(), _data.PathOf("model.h5"))).FailsWith(2, "model.h5", ".onnx", ".tflite", ".plan");

    [Fact]
    public async Task DamagedModel_FailsInOneLineAndWritesNothing()
    {
        var bytes = File.ReadAllBytes(_data.Model());
        (await EdgectlProcess.RunAsync("convert", _data.Write("cut.onnx", bytes[..(bytes.Length / 2)]), _data.PathOf("cut.tflite"))).FailsWith(1, "cut.onnx");
        Assert.Empty(Directory.EnumerateFiles(_data.Folder, "cut.tflite*"));
    }

    [Fact]
    public async Task Svg_OfAModel_ShowsItsOperatorsInADrawing()
    {
        var drawing = _data.PathOf("network.svg");
        Assert.Equal(0, (await EdgectlProcess.RunAsync("inspect", _data.Network(), "--svg", drawing)).ExitCode);
        var texts = XDocument.Load(drawing).Descendants().Where(e => e.Name.LocalName == "text").Select(e => e.Value).ToList();
        Assert.Equal(3, texts.Count(t => t == "Conv"));
        Assert.Contains("Gemm", texts);
    }

    [Fact]
    public async Task Svg_OfAPlan_FailsInOneLine() =>
        (await EdgectlProcess.RunAsync("inspect", _data.Plan(), "--svg", _data.PathOf("plan.svg"))).FailsWith(1, "plan", "no graph");

    private static float[] Run(string model, Tensor images)
    {
        var graph = ModelImporter.Load(model);
        return new GraphInterpreter(graph).Run(new Dictionary<string, Tensor> { [graph.Inputs[0].Name] = images }).Values.Single().Floats;
    }

    /// <summary>The same two images with channels first and last.</summary>
    private static (Tensor Planar, Tensor ChannelsLast) Images(int seed)
    {
        const int side = ColourData.Side, count = 2;
        var random = new Random(seed);
        var (planar, last) = (new float[count * 3 * side * side], new float[count * 3 * side * side]);
        for (var n = 0; n < count; n++)
            for (var c = 0; c < 3; c++)
                for (var i = 0; i < side * side; i++)
                    planar[(n * 3 + c) * side * side + i] = last[(n * side * side + i) * 3 + c] = random.NextSingle();
        return (Tensor.Of(planar, count, 3, side, side), Tensor.Of(last, count, side, side, 3));
    }
}

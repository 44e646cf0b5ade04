using System.Text.Json.Nodes;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Tests.Graph.Keras;

/// <summary>Functions and Python's operators on the outputs of layers, as either version of Keras records them.</summary>
public class FunctionTests
{
    private static readonly Tensor X = new TestGraph(4).Random(1, 2, 4, 6);

    private static IReadOnlyList<(string Path, string Name, Tensor Value)> None => [];

    /// <summary>concat([mean(x, axis=1) * x[:, -1], x[:, 1, ::2]], axis=-1)</summary>
    private static Tensor Expected()
    {
        float At(int n, int t, int i) => X.Floats[(n * 4 + t) * 6 + i];
        return Tensor.Of([.. Enumerable.Range(0, 2).SelectMany(n =>
            Enumerable.Range(0, 6).Select(i => Enumerable.Range(0, 4).Average(t => At(n, t, i)) * At(n, 3, i)).Concat(Enumerable.Range(0, 3).Select(i => At(n, 1, 2 * i))))], 2, 9);
    }

    [Fact]
    public void Functions_OfKeras2_TakeTheirArgumentsFromTheCall()
    {
        var file = new KerasFile();
        var x = file.Input(4, 6);
        string Function(string type, string name, JsonObject named, params string[] inputs) => file.Call(type, new() { ["function"] = name }, None, named, inputs);
        JsonObject All() => new() { ["start"] = null, ["stop"] = null, ["step"] = null };
        var mean = Function("TFOpLambda", "math.reduce_mean", new() { ["axis"] = 1, ["keepdims"] = false }, x);
        var last = Function("SlicingOpLambda", "__operators__.getitem", new() { ["slice_spec"] = new JsonObject { ["class_name"] = "__tuple__", ["items"] = new JsonArray(All(), -1) } }, x);
        var product = Function("TFOpLambda", "math.multiply", new() { ["y"] = last }, mean);
        var odd = Function("SlicingOpLambda", "__operators__.getitem", new() { ["slice_spec"] = new JsonArray(All(), 1, new JsonObject { ["start"] = null, ["stop"] = null, ["step"] = 2 }) }, x);
        var output = Function("TFOpLambda", "concat", new() { ["axis"] = -1 }, product, odd);
        ChannelsLastMath.AssertClose(Expected(), KerasFileTests.Run(KerasFileTests.Load(file.ToHdf5(output), ".h5"), X));
    }

    [Fact]
    public void Functions_OfKeras3_TakeTheirArgumentsFromTheConfiguration()
    {
        var file = new KerasFile();
        var x = file.Input(4, 6);
        JsonObject Slice(int? step) => new() { ["class_name"] = "slice", ["config"] = new JsonObject { ["start"] = null, ["stop"] = null, ["step"] = step } };
        string Items(params JsonNode[] key) => file.Call("ops.GetItem", [], None, new() { ["args"] = new JsonArray(new JsonObject { ["class_name"] = "__tuple__", ["config"] = new JsonObject { ["value"] = new JsonArray(key) } }) }, x);
        var mean = file.Layer("ops.Mean", new() { ["axis"] = 1, ["keepdims"] = false }, None, x);
        var product = file.Layer("ops.Multiply", [], None, mean, Items(Slice(null), -1));
        var output = file.Layer("ops.Concatenate", new() { ["axis"] = -1 }, None, product, Items(Slice(null), 1, Slice(2)));
        ChannelsLastMath.AssertClose(Expected(), KerasFileTests.Run(KerasFileTests.Load(file.ToArchive(output), ".keras"), X));
    }

    /// <summary>0.5 * (1 - x): the number is what the function is called with, and the tensor its argument by name.</summary>
    [Fact]
    public void Functions_OfKeras2WithANumberFirst_KeepTheOrderOfTheirOperands()
    {
        const string configuration = """
            {"class_name": "Functional", "config": {"name": "model", "layers": [
              {"class_name": "InputLayer", "name": "x", "config": {"name": "x", "batch_input_shape": [null, 3], "dtype": "float32"}, "inbound_nodes": []},
              {"class_name": "TFOpLambda", "name": "difference", "config": {"name": "difference", "function": "math.subtract"}, "inbound_nodes": [["_CONSTANT_VALUE", -1, 1, {"y": ["x", 0, 0], "name": null}]]},
              {"class_name": "TFOpLambda", "name": "product", "config": {"name": "product", "function": "math.multiply"}, "inbound_nodes": [["_CONSTANT_VALUE", -1, 0.5, {"y": ["difference", 0, 0], "name": null}]]}],
              "input_layers": [["x", 0, 0]], "output_layers": [["product", 0, 0]]}}
            """;
        var root = new Hdf5Group();
        root.Attributes["keras_version"] = "2.12.0";
        root.Attributes["model_config"] = configuration;
        root.At("model_weights").Attributes["layer_names"] = new List<string> { "x" };
        var graph = KerasFileTests.Load(Hdf5Writer.Write(root), ".h5");
        Assert.Equal([0.25f, -0.5f, 2], KerasFileTests.Run(graph, Tensor.Of([0.5f, 2, -3], 1, 3)).Floats);
    }

    /// <summary>tile(concat([l2_normalize(a, axis=-1), b], axis=1), [1, 2, 1]) where x is split into a and b.</summary>
    [Fact]
    public void Functions_OfKeras2_SplitNormalizeAndRepeat()
    {
        var file = new KerasFile();
        string Function(string name, JsonObject named, params string[] inputs) => file.Call("TFOpLambda", new() { ["function"] = name }, None, named, inputs);
        var parts = Function("split", new() { ["num_or_size_splits"] = new JsonArray(1, 3), ["axis"] = 1 }, file.Input(4, 6));
        var unit = Function("math.l2_normalize", new() { ["axis"] = -1, ["epsilon"] = 0.5 }, parts);
        var output = Function("tile", new() { ["multiples"] = new JsonArray(1, 2, 1) }, Function("concat", new() { ["axis"] = 1 }, unit, parts + ":1"));
        var expected = Enumerable.Range(0, 2).SelectMany(n => Enumerable.Range(0, 8).SelectMany(t =>
        {
            float[] row = [.. X.Floats.AsSpan((n * 4 + t % 4) * 6, 6)];
            var length = MathF.Sqrt(Math.Max(row.Sum(v => v * v), 0.5f));
            return t % 4 == 0 ? row.Select(v => v / length) : row;
        }));
        ChannelsLastMath.AssertClose(Tensor.Of([.. expected], 2, 8, 6), KerasFileTests.Run(KerasFileTests.Load(file.ToHdf5(output), ".h5"), X));
    }

    /// <summary>reshape(x, [shape(x)[0], shape(x)[1] * 2, 3]), the target once as a list with numbers in it and once stacked.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Reshape_ToAComputedShape_KeepsTheBatch(bool stacked)
    {
        static string Function(string name, string function, string inbound) => $$$"""{"class_name": "TFOpLambda", "name": "{{{name}}}", "config": {"name": "{{{name}}}", "function": "{{{function}}}"}, "inbound_nodes": [{{{inbound}}}]}""";
        static string Item(string name, int index) => $$$"""{"class_name": "SlicingOpLambda", "name": "{{{name}}}", "config": {"name": "{{{name}}}", "function": "__operators__.getitem"}, "inbound_nodes": [["shape", 0, 0, {"slice_spec": {{{index}}}}]]}""";
        var target = stacked ? """["target", 0, 0]""" : """[["batch", 0, 0], ["twice", 0, 0], 3]""";
        string[] layers =
        [
            """{"class_name": "InputLayer", "name": "x", "config": {"name": "x", "batch_input_shape": [null, 4, 6], "dtype": "float32"}, "inbound_nodes": []}""",
            Function("shape", "compat.v1.shape", """["x", 0, 0, {"name": null}]"""), Item("batch", 0), Item("steps", 1), Function("twice", "math.multiply", """["steps", 0, 0, {"y": 2}]"""),
            Function("target", "stack", """[["batch", 0, 0, {"axis": 0}], ["twice", 0, 0, {"axis": 0}], ["_CONSTANT_VALUE", -1, 3, {"axis": 0}]]"""),
            Function("y", "reshape", $$"""["x", 0, 0, {"shape": {{target}}}]"""),
        ];
        var root = new Hdf5Group();
        root.Attributes["keras_version"] = "2.12.0";
        root.Attributes["model_config"] = $$$"""{"class_name": "Functional", "config": {"name": "model", "layers": [{{{string.Join(", ", layers)}}}], "input_layers": [["x", 0, 0]], "output_layers": [["y", 0, 0]]}}""";
        root.At("model_weights").Attributes["layer_names"] = new List<string> { "x" };
        var graph = KerasFileTests.Load(Hdf5Writer.Write(root), ".h5");
        Assert.Equal([-1, 8, 3], graph.Outputs[0].Shape);
        Assert.Equal(X.Floats, KerasFileTests.Run(graph, X).Floats);
    }

    [Fact]
    public void Split_OfKeras3_TakesPositions()
    {
        var file = new KerasFile();
        var parts = file.Layer("ops.Split", new() { ["indices_or_sections"] = new JsonArray(1, 3), ["axis"] = 1 }, None, file.Input(4, 6));
        var graph = KerasFileTests.Load(file.ToArchive(parts + ":1"), ".keras");
        float[] expected = [.. X.Floats[6..18], .. X.Floats[30..42]];
        Assert.Equal(expected, KerasFileTests.Run(graph, X).Floats);
    }

    /// <summary>Pixels of twice the size lie a quarter before and behind the middle of those they are made of.</summary>
    [Fact]
    public void Resize_OfImages_InterpolatesBetweenMiddles()
    {
        var file = new KerasFile();
        var output = file.Call("TFOpLambda", new() { ["function"] = "image.resize" }, None, new() { ["size"] = new JsonArray(2, 4), ["method"] = "bilinear" }, file.Input(1, 2, 1));
        Assert.Equal([0f, 2, 6, 8, 0, 2, 6, 8], KerasFileTests.Run(KerasFileTests.Load(file.ToHdf5(output), ".h5"), Tensor.Of([0f, 8], 1, 1, 2, 1)).Floats);
    }

    [Fact]
    public void Cast_ToWholeNumbers_Truncates()
    {
        var file = new KerasFile();
        string Cast(string to, string x) => file.Call("TFOpLambda", new() { ["function"] = "cast" }, None, new() { ["dtype"] = to }, x);
        var graph = KerasFileTests.Load(file.ToHdf5(Cast("float32", Cast("int32", file.Input(3)))), ".h5");
        Assert.Equal([1f, -1, 0], KerasFileTests.Run(graph, Tensor.Of([1.75f, -1.75f, 0.5f], 1, 3)).Floats);
    }

    [Fact]
    public void Shapes_AreChanged()
    {
        var file = new KerasFile();
        var x = file.Layer("ops.Transpose", new() { ["axes"] = new JsonArray(0, 2, 1) }, None, file.Input(4, 6));
        x = file.Layer("ops.Reshape", new() { ["newshape"] = new JsonArray(-1, 3, 8) }, None, x);
        x = file.Layer("ops.ExpandDims", new() { ["axis"] = -1 }, None, x);
        var output = file.Layer("ops.Squeeze", new() { ["axis"] = 3 }, None, x);
        var expected = Enumerable.Range(0, 48).Select(i => X.Floats[i / 24 * 24 + i % 4 * 6 + i % 24 / 4]);
        ChannelsLastMath.AssertClose(Tensor.Of([.. expected], 2, 3, 8), KerasFileTests.Run(KerasFileTests.Load(file.ToArchive(output), ".keras"), X));
    }

    [Fact]
    public void UnknownFunction_IsRefusedByName()
    {
        var file = new KerasFile();
        var message = DamagedFile.LoadOrRefuse("function.keras", file.ToArchive(file.Layer("ops.Erfinv", [], None, file.Input(4))));
        Assert.Contains("layer 'ops.erfinv_1' (Erfinv): the function 'Erfinv' is not supported; ", message);
        Assert.InRange(message!.Length, 0, 400);
    }
}

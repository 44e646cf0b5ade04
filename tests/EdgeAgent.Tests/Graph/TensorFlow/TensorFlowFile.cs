using System.Runtime.InteropServices;
using EdgeAgent.Graph.Import.TensorFlow;
using EdgeAgent.Graph.Ir;
using Google.Protobuf;
using Google.Protobuf.Collections;

namespace EdgeAgent.Tests.Graph.TensorFlow;

/// <summary>How the weights of a graph are stored.</summary>
internal enum WeightStorage
{
    /// <summary>As constants: a frozen graph.</summary>
    Constants,

    /// <summary>As variables of TensorFlow 1, read by Identity and restored in the main graph.</summary>
    ReferenceVariables,

    /// <summary>As resources of TensorFlow 2, passed to a function and restored in another.</summary>
    ResourceVariables,
}

/// <summary>Writes <see cref="SmallNetwork"/> as TensorFlow saves graphs: node names, attributes and the way from a variable to its entry in the checkpoint.</summary>
internal sealed class TensorFlowFile(SmallNetwork network, WeightStorage storage)
{
    private readonly RepeatedField<NodeDef> _nodes = [];
    private readonly List<(string Variable, Tensor Value)> _variables = [];

    public static byte[] FrozenGraph(SmallNetwork network)
    {
        var file = new TensorFlowFile(network, WeightStorage.Constants);
        file.Placeholder("image");
        file.Network("image");
        var graph = new GraphDef();
        graph.Node.AddRange(file._nodes);
        return graph.ToByteArray();
    }

    /// <summary>saved_model.pb, and index and data of its variables.</summary>
    public static (byte[] Graph, byte[] Index, byte[] Data) SavedModel(SmallNetwork network, WeightStorage storage)
    {
        var file = new TensorFlowFile(network, storage);
        var meta = storage == WeightStorage.ResourceVariables ? file.Functions() : file.Plain();
        var model = new SavedModel { SavedModelSchemaVersion = 1 };
        model.MetaGraphs.Add(meta);
        var (index, data) = BundleWriter.Write(file._variables.Select(v => KeyValuePair.Create(Key(v.Variable), v.Value)));
        return (model.ToByteArray(), index, data);
    }

    /// <summary>Writes a SavedModel folder.</summary>
    public static void Write(string folder, (byte[] Graph, byte[] Index, byte[] Data) model)
    {
        Directory.CreateDirectory(Path.Combine(folder, "variables"));
        File.WriteAllBytes(Path.Combine(folder, "saved_model.pb"), model.Graph);
        File.WriteAllBytes(Path.Combine(folder, "variables", "variables.index"), model.Index);
        File.WriteAllBytes(Path.Combine(folder, "variables", "variables.data-00000-of-00001"), model.Data);
    }

    /// <summary>Not the variable's own name: only the restore graph tells which entry is whose.</summary>
    private static string Key(string variable) => $"layers/{variable.Length}/{variable}/.ATTRIBUTES/VARIABLE_VALUE";

    /// <summary>TensorFlow 1: variables, the network and the restore operators in one graph.</summary>
    private MetaGraphDef Plain()
    {
        Placeholder("image");
        var output = Network("image");
        Text("save/names", [.. _variables.Select(v => Key(v.Variable))]);
        Text("save/slices", [.. _variables.Select(_ => "")]);
        Node("save/restore", "RestoreV2", ["save/path", "save/names", "save/slices"]);
        Text("save/path", ["model"]);
        foreach (var (i, (variable, _)) in _variables.Index())
            Node($"save/assign_{i}", "Assign", [variable, i == 0 ? "save/restore" : $"save/restore:{i}"]);
        Node("save/restore_all", "NoOp", [.. _variables.Select((_, i) => $"^save/assign_{i}")]);
        return Meta("save/restore_all", "image:0", output + ":0");
    }

    /// <summary>TensorFlow 2: the signature calls a function with the image and the handles; so does the restore operator.</summary>
    private MetaGraphDef Functions()
    {
        var body = new TensorFlowFile(network, storage);
        var output = body.Network("inputs");
        _variables.AddRange(body._variables);
        Placeholder("serving_default_image");
        foreach (var (variable, _) in _variables)
            Node(variable, "VarHandleOp", [], ("dtype", Of(TfType.Float)), ("shared_name", Bytes(variable)));
        Node("StatefulPartitionedCall", "StatefulPartitionedCall", ["serving_default_image", .. _variables.Select(v => v.Variable)], ("f", new() { Func = new() { Name = "__inference_call" } }));
        Node("Identity", "Identity", ["StatefulPartitionedCall:0"], ("T", Of(TfType.Float)));
        Node("saver_filename", "Placeholder", [], ("dtype", Of(TfType.String)));
        Node("StatefulPartitionedCall_2", "StatefulPartitionedCall", ["saver_filename", .. _variables.Select(v => v.Variable)], ("f", new() { Func = new() { Name = "__inference__traced_restore" } }));

        var meta = Meta("StatefulPartitionedCall_2", "serving_default_image:0", "Identity:0");
        meta.GraphDef.Library = new();
        meta.GraphDef.Library.Function.Add(Function("__inference_call", ["inputs", .. _variables.Select(v => v.Variable)], "identity", output + ":output:0", body._nodes));
        meta.GraphDef.Library.Function.Add(Function("__inference__traced_restore", ["file_prefix", .. _variables.Select((_, i) => $"assignvariableop_{i}_variable")], null, "", Restore()._nodes));
        return meta;
    }

    private TensorFlowFile Restore()
    {
        var restore = new TensorFlowFile(network, storage);
        restore.Text("RestoreV2/tensor_names", [.. _variables.Select(v => Key(v.Variable))]);
        restore.Text("RestoreV2/shape_and_slices", [.. _variables.Select(_ => "")]);
        restore.Node("RestoreV2", "RestoreV2", ["file_prefix", "RestoreV2/tensor_names:output:0", "RestoreV2/shape_and_slices:output:0"]);
        foreach (var i in Enumerable.Range(0, _variables.Count))
        {
            restore.Node($"Identity_{i}", "Identity", [$"RestoreV2:tensors:{i}"], ("T", Of(TfType.Float)));
            restore.Node($"AssignVariableOp_{i}", "AssignVariableOp", [$"assignvariableop_{i}_variable", $"Identity_{i}:output:0"]);
        }
        return restore;
    }

    private static FunctionDef Function(string name, IEnumerable<string> arguments, string? result, string returned, IEnumerable<NodeDef> nodes)
    {
        var function = new FunctionDef { Signature = new() { Name = name } };
        function.Signature.InputArg.AddRange(arguments.Select(a => new OpDef.Types.ArgDef { Name = a }));
        function.NodeDef.AddRange(nodes);
        if (result is null)
            return function;
        function.Signature.OutputArg.Add(new OpDef.Types.ArgDef { Name = result });
        function.Ret.Add(result, returned);
        return function;
    }

    private MetaGraphDef Meta(string restore, string input, string output)
    {
        var meta = new MetaGraphDef { MetaInfoDef = new(), GraphDef = new(), SaverDef = new() { RestoreOpName = restore } };
        meta.MetaInfoDef.Tags.Add("serve");
        meta.GraphDef.Node.AddRange(_nodes);
        var signature = new SignatureDef { MethodName = "tensorflow/serving/predict" };
        signature.Inputs.Add("image", new() { Name = input, Dtype = (int)TfType.Float, TensorShape = BundleWriter.Shape([-1, SmallNetwork.Height, SmallNetwork.Width, SmallNetwork.Channels]) });
        signature.Outputs.Add("probabilities", new() { Name = output, Dtype = (int)TfType.Float, TensorShape = BundleWriter.Shape([-1, SmallNetwork.Classes]) });
        meta.SignatureDef.Add("serving_default", signature);
        return meta;
    }

    /// <returns>The name of the last node.</returns>
    private string Network(string image)
    {
        var n = network;
        var x = Node("conv", "Conv2D", [image, Weight("conv/kernel", n.Kernel)], ("strides", List(1, 2, 2, 1)), ("padding", Bytes("SAME")), ("data_format", Bytes("NHWC")), ("dilations", List(1, 1, 1, 1)));
        x = Node("conv/bias_add", "BiasAdd", [Output(x), Weight("conv/bias", n.Bias)], ("data_format", Bytes("NHWC")));
        x = Node("norm", "FusedBatchNormV3", [Output(x), Weight("norm/gamma", n.Gamma), Weight("norm/beta", n.Beta), Weight("norm/mean", n.Mean), Weight("norm/variance", n.Variance)],
            ("epsilon", new() { F = (float)SmallNetwork.Epsilon }), ("is_training", new() { B = false }), ("data_format", Bytes("NHWC")));
        x = Node("relu6", "Relu6", [storage == WeightStorage.ResourceVariables ? x + ":y:0" : x]);
        var mixed = Node("depthwise", "DepthwiseConv2dNative", [Output(x, "activations"), Weight("depthwise/kernel", n.Spread)], ("strides", List(1, 1, 1, 1)), ("padding", Bytes("SAME")));
        mixed = Node("mix", "Conv2D", [Output(mixed), Weight("mix/kernel", n.Mix)], ("strides", List(1, 1, 1, 1)), ("padding", Bytes("VALID")));
        mixed = Node("mix/bias_add", "BiasAdd", [Output(mixed), Weight("mix/bias", n.MixBias)]);
        var skip = Node("skip", "Conv2D", [Output(x, "activations"), Weight("skip/kernel", n.Skip)], ("strides", List(1, 1, 1, 1)), ("padding", Bytes("SAME")));
        x = Node("relu", "Relu", [Output(Node("add", "AddV2", [Output(mixed), Output(skip)]), "z")]);
        x = Node("pool", "MaxPool", [Output(x, "activations")], ("ksize", List(1, 2, 2, 1)), ("strides", List(1, 2, 2, 1)), ("padding", Bytes("VALID")));
        // As Keras's Flatten is traced: the batch comes from the value's own shape.
        var shape = Node("flatten/shape", "Shape", [Output(x)]);
        var batch = Node("flatten/batch", "StridedSlice", [Output(shape), Ints("flatten/begin", [0]), Ints("flatten/end", [1]), Ints("flatten/step", [1])], ("shrink_axis_mask", new() { I = 1 }));
        var target = Node("flatten/target", "Pack", [Output(batch), Ints("flatten/rest", null, -1)], ("axis", new() { I = 0 }));
        x = Node("flatten", "Reshape", [Output(x), Output(target)]);
        x = Node("hidden", "MatMul", [Output(x), Weight("hidden/kernel", n.Hidden)]);
        x = Node("hidden/tanh", "Tanh", [Output(Node("hidden/bias_add", "BiasAdd", [Output(x, "product"), Weight("hidden/bias", n.HiddenBias)]))]);
        x = Node("head", "MatMul", [Output(x, "y"), Weight("head/kernel", n.Head)]);
        return Node("probabilities", "Softmax", [Output(Node("head/bias_add", "BiasAdd", [Output(x, "product"), Weight("head/bias", n.HeadBias)]))]);
    }

    /// <summary>An edge as graphs name it, or as function bodies do.</summary>
    private string Output(string node, string port = "output") => storage == WeightStorage.ResourceVariables ? $"{node}:{port}:0" : node;

    private string Weight(string name, Tensor value)
    {
        if (storage == WeightStorage.Constants)
            return Constant(name, value);
        _variables.Add((name, value));
        if (storage == WeightStorage.ResourceVariables)
            return Node(name + "/ReadVariableOp", "ReadVariableOp", [name], ("dtype", Of(TfType.Float))) + ":value:0";
        Node(name, "VariableV2", [], ("dtype", Of(TfType.Float)), ("shape", new() { Shape = BundleWriter.Shape(value.Shape) }));
        return Node(name + "/read", "Identity", [name], ("T", Of(TfType.Float)));
    }

    private string Constant(string name, Tensor value) => Node(name, "Const", [], ("value", new()
    {
        Tensor = new() { Dtype = (int)TfType.Float, TensorShape = BundleWriter.Shape(value.Shape), TensorContent = ByteString.CopyFrom(MemoryMarshal.AsBytes<float>(value.Floats)) },
    }));

    private string Ints(string name, int[]? values, int scalar = 0)
    {
        var tensor = new TensorProto { Dtype = (int)TfType.Int32, TensorShape = BundleWriter.Shape(values is null ? [] : [values.Length]) };
        tensor.IntVal.AddRange(values ?? [scalar]);
        return Output(Node(name, "Const", [], ("value", new() { Tensor = tensor })));
    }

    private void Text(string name, string[] texts)
    {
        var tensor = new TensorProto { Dtype = (int)TfType.String, TensorShape = BundleWriter.Shape([texts.Length]) };
        tensor.StringVal.AddRange(texts.Select(ByteString.CopyFromUtf8));
        Node(name, "Const", [], ("value", new() { Tensor = tensor }));
    }

    private void Placeholder(string name) => Node(name, "Placeholder", [],
        ("dtype", Of(TfType.Float)), ("shape", new() { Shape = BundleWriter.Shape([-1, SmallNetwork.Height, SmallNetwork.Width, SmallNetwork.Channels]) }));

    private string Node(string name, string op, IEnumerable<string> inputs, params (string Name, AttrValue Value)[] attributes)
    {
        var node = new NodeDef { Name = name, Op = op };
        node.Input.AddRange(inputs);
        foreach (var (attribute, value) in attributes)
            node.Attr.Add(attribute, value);
        _nodes.Add(node);
        return name;
    }

    private static AttrValue Of(TfType type) => new() { Type = (int)type };

    private static AttrValue Bytes(string text) => new() { S = ByteString.CopyFromUtf8(text) };

    private static AttrValue List(params long[] values)
    {
        var list = new AttrValue.Types.ListValue();
        list.I.AddRange(values);
        return new() { List = list };
    }
}

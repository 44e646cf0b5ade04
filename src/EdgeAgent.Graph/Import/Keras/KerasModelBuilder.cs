using EdgeAgent.Graph.Import.ChannelsLast;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.Keras;

/// <summary>
/// Walks a model's configuration: Sequential, or Functional with its layers called in the order of their dependencies. A
/// model that is a layer of another is walked in its place.
/// </summary>
internal sealed class KerasModelBuilder(ChannelsLastGraph graph, bool keras3)
{
    private const int MaxDepth = 16, MaxCalls = 1 << 14;

    private readonly KerasMasks _masks = new(graph);

    private int _calls;

    /// <summary>The whole model as a graph; its inputs and outputs are called after their layers.</summary>
    public static GraphSpec Build(KerasJson model, IKerasWeights weights, bool keras3, string name, OpenSizes open)
    {
        var layer = new KerasLayer(model);
        if (!layer.IsModel)
            throw layer.Fault("is no Sequential or Functional model; only those hold a graph of layers (a subclassed model holds Python code: export it as a SavedModel)");
        var assembly = new GraphAssembly(open);
        var graph = new ChannelsLastGraph(assembly);
        var builder = new KerasModelBuilder(graph, keras3);
        var outputs = layer.Class == "Sequential"
            ? builder.Sequential(layer, null, weights, depth: 0)
            : builder.Functional(layer, null, weights, depth: 0);
        // A layer's activation is a node of its own: the output is called after the layer, as Keras does.
        return assembly.Build(name, [.. outputs.Select((o, i) => (OutputName(i), graph.Plain(o.Value)))]);

        string OutputName(int index) =>
            outputs.Take(index).Count(o => o.Name == outputs[index].Name) is > 0 and var before ? $"{outputs[index].Name}_output_{before}" : outputs[index].Name;
    }

    private IReadOnlyList<(string Name, Laid Value)> Model(KerasLayer model, IReadOnlyList<Laid> inputs, IKerasWeights weights, int depth)
    {
        if (depth >= MaxDepth)
            throw model.Fault($"is nested in {MaxDepth} other models, which is not supported");
        return model.Class == "Sequential" ? Sequential(model, inputs, weights, depth) : Functional(model, inputs, weights, depth);
    }

    private IReadOnlyList<(string Name, Laid Value)> Sequential(KerasLayer model, IReadOnlyList<Laid>? inputs, IKerasWeights weights, int depth)
    {
        // Before Keras 2.2.3 the configuration is the list itself.
        var layers = (model.Config.IsArray ? model.Config : model.Config["layers"]).Items.Select(l => new KerasLayer(l)).ToList();
        var orders = weights.Orders(layers);
        if (inputs is not null && inputs.Count != 1)
            throw model.Fault($"is called with {inputs.Count} values; a Sequential takes one");
        Laid? value = inputs?[0];
        ReserveOutputs(layers.TakeLast(1).Select(l => l.Name), depth);
        for (var i = 0; i < layers.Count; i++)
        {
            if (layers[i].Class == "InputLayer")
            {
                value ??= Input(layers[i], layers[i].Name, InputShape(layers[i].Config));
                continue;
            }
            value ??= Input(layers[i], layers[i].Name + "_input", SequentialShape(model, layers[i]));
            value = Call(layers[i], [value.Value], [], default, weights, orders[i], depth) is [var only] ? only : throw layers[i].Fault("has several outputs in a Sequential");
        }
        if (layers.Count == 0 || value is null)
            throw model.Fault("has no layers");
        return [(layers[^1].Name, value.Value)];
    }

    private IReadOnlyList<(string Name, Laid Value)> Functional(KerasLayer model, IReadOnlyList<Laid>? inputs, IKerasWeights weights, int depth)
    {
        var layers = model.Config["layers"].Items.Select(l => new KerasLayer(l)).ToList();
        var orders = weights.Orders(layers);
        var (inputRefs, outputRefs) = (KerasReference.List(model.Config["input_layers"], model), KerasReference.List(model.Config["output_layers"], model));
        if (outputRefs.Count == 0)
            throw model.Fault("names no output layers");
        ReserveOutputs(outputRefs.Select(r => r.Layer), depth);
        var (values, known) = (new Dictionary<KerasReference, Laid>(), new KerasKnown(graph));
        if (inputs is not null && inputs.Count != inputRefs.Count)
            throw model.Fault($"is called with {inputs.Count} values and has {inputRefs.Count} inputs");
        for (var i = 0; i < (inputs?.Count ?? 0); i++)
            values[inputRefs[i]] = inputs![i];

        foreach (var call in KerasCalls.Order(layers, outputRefs))
        {
            var layer = layers[call.Layer];
            var output = new KerasReference(layer.Name, call.Index, 0);
            if (values.ContainsKey(output))
                continue;
            if (layer.Class == "InputLayer")
            {
                if (inputs is not null)
                    throw layer.Fault("is an input that the call of its model does not give");
                values[output] = Input(layer, layer.Name, InputShape(layer.Config));
                continue;
            }
            if (call.Function is { } named && known.TryApply(named, layer, call, Value))
                continue;
            var results = call.Function is { } function
                ? KerasFunctions.Apply(function, layer, call, [.. call.Arguments.Where(a => !known.Has(a)).Select(Value)], known, graph)
                : Call(layer, [.. Positional(call).Select(Value)], [.. Named(call).Select(a => (a.Name, Value(a)))], call.Options, weights, orders[call.Layer], depth);
            for (var port = 0; port < results.Count; port++)
                values[output with { Tensor = port }] = results[port];
        }
        return [.. outputRefs.Select(r => (r.Layer, Value(KerasArgument.Of(r))))];

        Laid Value(KerasArgument argument)
        {
            if (argument.Reference is not { } reference)
                return new(graph.Assembly.Constant($"{model.Name}_number", Tensor.Of([argument.Number])));
            return values.TryGetValue(reference, out var value) ? value : throw model.Fault($"output {reference.Tensor} of call {reference.Call} of layer '{ModelImportException.OneLine(reference.Layer)}' is read and does not exist");
        }
    }

    /// <summary>What a layer is called with by position; where all is passed by name, that.</summary>
    private static IEnumerable<KerasArgument> Positional(KerasLayerCall call) => call.Arguments.Any(a => a.Name.Length == 0) ? call.Arguments.Where(a => a.Name.Length == 0) : call.Arguments;

    private static IEnumerable<KerasArgument> Named(KerasLayerCall call) => call.Arguments.Where(a => a.Name.Length > 0);

    /// <summary>Outputs of the outermost model are called after their layers; inside, names are free.</summary>
    private void ReserveOutputs(IEnumerable<string> layers, int depth)
    {
        if (depth == 0)
            foreach (var layer in layers)
                graph.Assembly.Reserve(layer);
    }

    private IReadOnlyList<Laid> Call(
        KerasLayer layer, IReadOnlyList<Laid> inputs, IReadOnlyList<(string Name, Laid Value)> named, KerasJson options, IKerasWeights weights, int order, int depth)
    {
        if (++_calls > MaxCalls)
            throw layer.Fault($"is one of more than {MaxCalls} calls, which is not supported");
        if (layer.IsModel)
            return [.. Model(layer, inputs, weights.Nested(layer, order), depth + 1).Select(o => o.Value)];
        IReadOnlyList<Laid> results = layer.Class == "TimeDistributed"
            ? [TimeDistributed(layer, inputs, weights, order, depth)]
            : KerasLayers.Results(new(layer, inputs, weights.Of(layer, order), graph) { Named = named, Options = options, Masks = _masks }, keras3);
        _masks.After(layer, inputs, results);
        return results;
    }

    /// <summary>The layer or model inside sees every step as a sample of its own, in a batch that is as many times as large.</summary>
    private Laid TimeDistributed(KerasLayer layer, IReadOnlyList<Laid> inputs, IKerasWeights weights, int order, int depth)
    {
        var inner = new KerasLayer(layer.Config["layer"]);
        if (inputs is not [var x] || graph.Shape(x) is not [var batch, var time, _, ..] shape)
            throw layer.Fault("is called with something that is no sequence [batch, time, ...]");
        // A dense layer is over the last axis anyway; so is what has no weights and no axes.
        if (inner.Class is "Dense" or "Activation" or "Dropout" or "ReLU" or "LeakyReLU" or "ELU")
            return KerasLayers.Convert(new(inner, inputs, weights.Of(layer, order), graph), keras3);
        var steps = graph.Reshape(layer.Name + "_steps", x, [checked(batch * time), .. shape[2..]], layer.Fault);
        var results = inner.IsModel
            ? [.. Model(inner, [steps], weights.Nested(layer, order), depth + 1).Select(o => o.Value)]
            : KerasLayers.Results(new(inner, [steps], weights.Of(layer, order), graph), keras3);
        return results is [var only]
            ? graph.Reshape(layer.Name, only, [batch, time, .. graph.Shape(only)[1..]], layer.Fault)
            : throw layer.Fault("has several outputs, which is not supported");
    }

    private Laid Input(KerasLayer layer, string name, KerasJson shape)
    {
        var type = layer.Class == "InputLayer" ? layer.Config["dtype"].IsText ? layer.Config["dtype"].Text() : "float32" : "float32";
        var element = type switch
        {
            "int32" => ElementType.Int32,
            "int64" => ElementType.Int64,
            "uint8" => ElementType.UInt8,
            "int8" => ElementType.Int8,
            "bool" => ElementType.Bool,
            _ when type.Contains("float", StringComparison.Ordinal) => ElementType.Float32,
            _ => throw layer.Fault($"is an input of type {ModelImportException.OneLine(type)}; float32, int32, int64, uint8, int8 and bool are supported"),
        };
        var items = shape.Items;
        if (items.Count == 0)
            throw layer.Fault("does not say the shape of its input; save the model with an Input of fixed size");
        return new(graph.Assembly.Input(name, element, [.. items.Select(d => d.IsNull ? -1 : d.Int(-1))]));
    }

    private static KerasJson InputShape(KerasJson config) => config["batch_shape", "batch_input_shape"];

    private static KerasJson SequentialShape(KerasLayer model, KerasLayer first)
    {
        var own = InputShape(first.Config);
        if (own.IsNull && first.IsModel)
        {
            // A nested model at the beginning brings the shape of its own input.
            var inner = (first.Config.IsArray ? first.Config : first.Config["layers"]).Items.Select(l => new KerasLayer(l)).FirstOrDefault();
            own = inner is null ? own : InputShape(inner.Config);
        }
        if (own.IsNull)
            own = model.Config.IsObject ? model.Config["build_input_shape"] : own;
        return own.IsNull ? model.BuildConfig["input_shape"] : own;
    }
}

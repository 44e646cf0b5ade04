namespace EdgeAgent.Graph.Import.Keras;

/// <summary>One call of a layer in a Functional model; <c>Function</c> is set where it is one of a function of tensors.</summary>
internal sealed record KerasLayerCall(int Layer, int Index, IReadOnlyList<KerasArgument> Arguments, string? Function);

/// <summary>Reads the calls of a Functional model from any version's configuration and orders them.</summary>
internal static class KerasCalls
{
    /// <summary>The calls that <paramref name="outputs"/> depend on, each after those it reads; a cycle is refused.</summary>
    public static IReadOnlyList<KerasLayerCall> Order(List<KerasLayer> layers, IReadOnlyList<KerasReference> outputs)
    {
        var calls = new Dictionary<(string, int), KerasLayerCall>();
        for (var i = 0; i < layers.Count; i++)
        {
            var read = layers[i].Class == "InputLayer" ? [new(i, 0, [], null)] : Read(layers[i], i);
            foreach (var call in read)
                if (!calls.TryAdd((layers[i].Name, call.Index), call))
                    throw layers[i].Fault("another layer has the same name");
        }
        var (order, open, stack) = (new List<KerasLayerCall>(), new Dictionary<KerasLayerCall, bool>(ReferenceEqualityComparer.Instance), new Stack<(KerasLayerCall Call, int Next)>());
        foreach (var output in outputs)
        {
            Visit(output, null);
            while (stack.TryPop(out var top))
            {
                if (top.Next < top.Call.Arguments.Count)
                {
                    stack.Push((top.Call, top.Next + 1));
                    if (top.Call.Arguments[top.Next].Reference is { } argument)
                        Visit(argument, layers[top.Call.Layer]);
                    continue;
                }
                open[top.Call] = false;
                order.Add(top.Call);
            }
        }
        return order;

        void Visit(KerasReference reference, KerasLayer? reader)
        {
            if (!calls.TryGetValue((reference.Layer, reference.Call), out var call))
                throw reader is null
                    ? new ImportFault($"output layer '{ModelImportException.OneLine(reference.Layer)}' (call {reference.Call}) is not in the model")
                    : reader.Fault($"reads call {reference.Call} of layer '{ModelImportException.OneLine(reference.Layer)}', which is not in the model");
            if (open.TryGetValue(call, out var unfinished))
            {
                if (unfinished)
                    throw layers[call.Layer].Fault("is part of a cycle; a model must be acyclic");
                return;
            }
            open[call] = true;
            stack.Push((call, 0));
        }
    }

    private static List<KerasLayerCall> Read(KerasLayer layer, int index)
    {
        var calls = new List<KerasLayerCall>();
        foreach (var call in layer.Calls.Items)
        {
            var arguments = new List<KerasArgument>();
            if (call.IsObject)
            {
                // Keras 3: the arguments of the Python call, tensors as objects.
                foreach (var argument in call["args"].Items)
                    Collect(argument, arguments, layer);
                foreach (var extra in call["kwargs"].IsObject ? call["kwargs"].Element.EnumerateObject().Select(p => call with { Element = p.Value }) : [])
                    if (IsTensor(extra))
                        Collect(extra, arguments, layer);
            }
            else if (KerasReference.TryRead(call) is { } single)
                Legacy(call, single, arguments);
            else
                foreach (var item in call.Items)
                    Legacy(item, KerasReference.TryRead(item) ?? throw layer.Fault("is called with something that is no output of a layer"), arguments);
            calls.Add(new(index, calls.Count, arguments, KerasFunctions.NameOf(layer)));
        }
        return calls;
    }

    /// <summary>["layer", call, tensor, {arguments by name}]; a function's second operand is one of the latter.</summary>
    private static void Legacy(KerasJson item, KerasReference reference, List<KerasArgument> arguments)
    {
        arguments.Add(KerasArgument.Of(reference));
        if (item.Items.Count > 3 && item.Items[3]["y"] is { IsNull: false } second)
            arguments.Add(second.IsNumber ? new(null, (float)second.Number(0)) : KerasArgument.Of(KerasReference.TryRead(second) ?? throw second.Fault("has an operand that is no number or output of a layer")));
    }

    private static bool IsTensor(KerasJson json) => json.IsObject && json["class_name"] is { IsText: true } name && name.Text() == "__keras_tensor__";

    private static void Collect(KerasJson argument, List<KerasArgument> arguments, KerasLayer layer)
    {
        if (IsTensor(argument))
            arguments.Add(KerasArgument.Of(KerasReference.TryRead(argument["config"]["keras_history"]) ?? throw layer.Fault("is called with a tensor without history")));
        else if (argument.IsArray)
            foreach (var item in argument.Items)
                Collect(item, arguments, layer);
        else if (argument.IsNumber)
            arguments.Add(new(null, (float)argument.Number(0)));
        else if (!argument.IsNull && !argument.IsObject && !argument.IsText)
            throw layer.Fault($"is called with {argument.Element.ValueKind}, which is not supported");
    }
}

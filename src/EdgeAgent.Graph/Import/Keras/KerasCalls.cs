namespace EdgeAgent.Graph.Import.Keras;

/// <summary>One call of a layer in a Functional model; <c>Function</c> is set where it is one of a function of tensors.</summary>
/// <param name="Json">The call as the file has it: positional arguments and, by name, those that are no tensors.</param>
internal sealed record KerasLayerCall(int Layer, int Index, IReadOnlyList<KerasArgument> Arguments, KerasJson Json, string? Function)
{
    /// <summary>Arguments by name.</summary>
    public KerasJson Options { get; init; }
}

/// <summary>Reads the calls of a Functional model from any version's configuration and orders them.</summary>
internal static class KerasCalls
{
    /// <summary>The calls that <paramref name="outputs"/> depend on, each after those it reads; a cycle is refused.</summary>
    public static IReadOnlyList<KerasLayerCall> Order(List<KerasLayer> layers, IReadOnlyList<KerasReference> outputs)
    {
        var read = layers.Select((layer, i) => layer.Class == "InputLayer" ? [new(i, 0, [], layer.Calls, null)] : Read(layer, i)).ToList();
        // Files count the calls of a nested model from 1: the first is that of its own inputs, which they leave out.
        var counts = layers.Zip(read).GroupBy(l => l.First.Name).ToDictionary(g => g.Key, g => g.First().Second.Count);
        var fromOne = read.SelectMany(calls => calls).SelectMany(call => call.Arguments).Select(a => a.Reference).OfType<KerasReference>().Concat(outputs)
            .Where(r => counts.TryGetValue(r.Layer, out var count) && r.Call == count).Select(r => r.Layer).ToHashSet();
        var calls = new Dictionary<(string, int), KerasLayerCall>();
        for (var i = 0; i < layers.Count; i++)
            foreach (var call in fromOne.Contains(layers[i].Name) ? read[i].Select(c => c with { Index = c.Index + 1 }) : read[i])
                if (!calls.TryAdd((layers[i].Name, call.Index), call))
                    throw layers[i].Fault("another layer has the same name");
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
            var options = call with { Element = default };
            if (call.IsObject)
            {
                options = call["kwargs"];
                // Keras 3: the arguments of the Python call, tensors as objects.
                foreach (var argument in call["args"].Items)
                    Collect(argument, arguments, layer);
                foreach (var (name, extra) in Members(options))
                    if (IsTensor(extra) || extra.IsArray && extra.Items is [var first, ..] && IsTensor(first))
                        Collect(extra, arguments, layer, name);
            }
            else
                foreach (var item in Legacy(call) is not null ? [call] : call.Items)
                {
                    arguments.Add(Legacy(item) ?? throw layer.Fault("is called with something that is neither an output of a layer nor a number"));
                    LegacyNamed(item, arguments);
                    if (options.IsNull && item.Items.Count > 3)
                        options = item.Items[3];
                }
            calls.Add(new(index, calls.Count, arguments, call, KerasFunctions.NameOf(layer)) { Options = options });
        }
        return calls;
    }

    /// <summary>["layer", call, tensor, {arguments by name}], or ["_CONSTANT_VALUE", -1, number, {arguments by name}]; null if it is neither.</summary>
    private static KerasArgument? Legacy(KerasJson item)
    {
        if (item is { IsArray: true, Items: [{ IsText: true } mark, { IsNumber: true }, var constant, ..] } && mark.Text() == "_CONSTANT_VALUE")
            return constant.IsNumber ? new(null, (float)constant.Number(0)) : null;
        return KerasReference.TryRead(item) is { } reference ? KerasArgument.Of(reference) : null;
    }

    /// <summary>Among the arguments by name are further tensors, and the number that is a function's second operand.</summary>
    private static void LegacyNamed(KerasJson item, List<KerasArgument> arguments)
    {
        if (item.Items.Count <= 3)
            return;
        foreach (var (name, value) in Members(item.Items[3]))
            if (KerasReference.TryRead(value) is { } named)
                arguments.Add(KerasArgument.Of(named, name));
            else if (name == "y" && value.IsNumber)
                arguments.Add(new(null, (float)value.Number(0), name));
            else if (value.IsArray)
                // A target shape has numbers among them.
                arguments.AddRange(value.Items.Select(KerasReference.TryRead).OfType<KerasReference>().Select(r => KerasArgument.Of(r, name)));
    }

    private static IEnumerable<(string Name, KerasJson Value)> Members(KerasJson json) =>
        json.IsObject ? json.Element.EnumerateObject().Select(p => (p.Name, json with { Element = p.Value })) : [];

    private static bool IsTensor(KerasJson json) => json.IsObject && json["class_name"] is { IsText: true } name && name.Text() == "__keras_tensor__";

    private static void Collect(KerasJson argument, List<KerasArgument> arguments, KerasLayer layer, string name = "")
    {
        if (IsTensor(argument))
            arguments.Add(KerasArgument.Of(KerasReference.TryRead(argument["config"]["keras_history"]) ?? throw layer.Fault("is called with a tensor without history"), name));
        else if (argument.IsArray)
            foreach (var item in argument.Items)
                Collect(item, arguments, layer, name);
        else if (argument.IsNumber)
            arguments.Add(new(null, (float)argument.Number(0), name));
        else if (!argument.IsNull && !argument.IsObject && !argument.IsText && argument.Element.ValueKind is not (System.Text.Json.JsonValueKind.True or System.Text.Json.JsonValueKind.False))
            throw layer.Fault($"is called with {argument.Element.ValueKind}, which is not supported");
    }
}

using EdgeAgent.Graph.Import.ChannelsLast;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.Keras;

/// <summary>Arithmetic written with Python's operators on the outputs of layers, which Keras records as layers of its own.</summary>
internal static class KerasFunctions
{
    /// <summary>The function that a layer of the configuration stands for; null for a real layer.</summary>
    public static string? NameOf(KerasLayer layer)
    {
        // Keras 2 names the function; in Keras 3 the operation is a class outside of keras.layers.
        if (layer.Class == "TFOpLambda")
            return layer.Config["function"].Text();
        return layer.Module.Contains(".ops.", StringComparison.Ordinal) ? layer.Class : null;
    }

    public static Laid Apply(string function, KerasLayer layer, IReadOnlyList<Laid> operands, ChannelsLastGraph graph)
    {
        var simple = function[(function.LastIndexOf('.') + 1)..].ToLowerInvariant();
        BinaryOperator? op = simple switch
        {
            "add" => new Add(),
            "sub" or "subtract" => new Sub(),
            "mul" or "multiply" => new Mul(),
            "truediv" or "div" or "divide" or "true_divide" => new Div(),
            "maximum" => new Max(),
            "minimum" => new Min(),
            _ => null,
        };
        try
        {
            return (op, simple, operands) switch
            {
                ({ } binary, _, [var a, var b]) => graph.Binary(layer.Name, binary, a, b),
                (_, "relu", [var x]) => graph.Unary(layer.Name, new Relu(), x),
                (_, "relu6", [var x]) => graph.Unary(layer.Name, new Clip(0, 6), x),
                (_, "sigmoid", [var x]) => graph.Unary(layer.Name, new Sigmoid(), x),
                (_, "silu" or "swish", [var x]) => Activations.Swish(layer.Name, x, graph),
                _ => throw layer.Fault($"the function '{ModelImportException.OneLine(function)}' of {operands.Count} operands is not supported; supported are add, subtract, multiply, divide, maximum, minimum, relu, relu6, sigmoid, silu"),
            };
        }
        catch (InvalidGraphException e)
        {
            throw layer.Fault(e.Message);
        }
    }
}

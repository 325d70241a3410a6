{{ config(materialized='incremental', unique_key='id') }}
select id, name, founded from {{ ref('cities') }}
{% if is_incremental() %} where id > (select max(id) - 1 from {{ this }}) {% endif %}
